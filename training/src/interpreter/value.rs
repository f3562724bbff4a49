//! A tensor whose rank is known at run time only.

use burn::tensor::Tensor;

/// A tensor of any rank from 1 to 6.
#[derive(Clone, Debug)]
pub enum BurnValue {
    /// Rank 1.
    R1(Tensor<1>),
    /// Rank 2.
    R2(Tensor<2>),
    /// Rank 3.
    R3(Tensor<3>),
    /// Rank 4.
    R4(Tensor<4>),
    /// Rank 5.
    R5(Tensor<5>),
    /// Rank 6.
    R6(Tensor<6>),
}

/// `op` on the tensor inside, whatever its rank; the rank stays.
macro_rules! each {
    ($value:expr, $t:ident => $op:expr) => {
        match $value.clone() {
            BurnValue::R1($t) => BurnValue::R1($op),
            BurnValue::R2($t) => BurnValue::R2($op),
            BurnValue::R3($t) => BurnValue::R3($op),
            BurnValue::R4($t) => BurnValue::R4($op),
            BurnValue::R5($t) => BurnValue::R5($op),
            BurnValue::R6($t) => BurnValue::R6($op),
        }
    };
}

/// `op` on the tensor inside, whatever its rank, to something without one.
macro_rules! read {
    ($value:expr, $t:ident => $op:expr) => {
        match $value {
            BurnValue::R1($t) => $op,
            BurnValue::R2($t) => $op,
            BurnValue::R3($t) => $op,
            BurnValue::R4($t) => $op,
            BurnValue::R5($t) => $op,
            BurnValue::R6($t) => $op,
        }
    };
}

macro_rules! both {
    ($a:expr, $b:expr, $x:ident, $y:ident => $op:expr) => {
        match ($a.clone(), $b.clone()) {
            (BurnValue::R1($x), BurnValue::R1($y)) => BurnValue::R1($op),
            (BurnValue::R2($x), BurnValue::R2($y)) => BurnValue::R2($op),
            (BurnValue::R3($x), BurnValue::R3($y)) => BurnValue::R3($op),
            (BurnValue::R4($x), BurnValue::R4($y)) => BurnValue::R4($op),
            (BurnValue::R5($x), BurnValue::R5($y)) => BurnValue::R5($op),
            (BurnValue::R6($x), BurnValue::R6($y)) => BurnValue::R6($op),
            (a, b) => panic!("ranks differ: {:?} and {:?}", a.shape(), b.shape()),
        }
    };
}

impl BurnValue {
    /// The tensor's shape.
    pub fn shape(&self) -> Vec<usize> {
        read!(self, t => t.dims().to_vec())
    }

    /// The tensor of rank 4.
    ///
    /// # Panics
    /// Where the rank is another: the network's definition decides it, not the user.
    pub fn r4(&self) -> Tensor<4> {
        match self {
            BurnValue::R4(t) => t.clone(),
            other => panic!("rank 4 wanted, shape {:?}", other.shape()),
        }
    }

    /// The tensor of rank 3.
    ///
    /// # Panics
    /// Where the rank is another.
    pub fn r3(&self) -> Tensor<3> {
        match self {
            BurnValue::R3(t) => t.clone(),
            other => panic!("rank 3 wanted, shape {:?}", other.shape()),
        }
    }

    pub(super) fn r2(&self) -> Tensor<2> {
        match self {
            BurnValue::R2(t) => t.clone(),
            other => panic!("rank 2 wanted, shape {:?}", other.shape()),
        }
    }

    pub(super) fn r1(&self) -> Tensor<1> {
        match self {
            BurnValue::R1(t) => t.clone(),
            other => panic!("rank 1 wanted, shape {:?}", other.shape()),
        }
    }

    /// Values in row-major order.
    pub fn to_vec(&self) -> Vec<f32> {
        read!(self, t => t.to_data().try_to_vec::<f32>().expect("float32 values"))
    }

    pub(super) fn reshaped(&self, shape: &[usize]) -> BurnValue {
        fn go<const D: usize>(v: &BurnValue, shape: &[usize]) -> Tensor<D> {
            let mut to = [0; D];
            to.copy_from_slice(shape);
            read!(v, t => t.clone().reshape::<D, _>(to))
        }
        match shape.len() {
            1 => BurnValue::R1(go(self, shape)),
            2 => BurnValue::R2(go(self, shape)),
            3 => BurnValue::R3(go(self, shape)),
            4 => BurnValue::R4(go(self, shape)),
            5 => BurnValue::R5(go(self, shape)),
            6 => BurnValue::R6(go(self, shape)),
            n => panic!("rank {n} is beyond what the network uses"),
        }
    }
}
